package natstest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/minio/highwayhash"
	"github.com/nats-io/nats-server/v2/server"
)

// Age makes a stream, in the data of a server that was shut down, look as if it
// had been created at another time: a ledger that is new is not claimed from for
// a while, and a test that needs one at the beginning of its bubble has no while.
func Age(dir, stream string, created time.Time) error {
	dir = filepath.Join(dir, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams", stream)
	meta := filepath.Join(dir, server.JetStreamMetaFile)
	data, err := os.ReadFile(meta)
	if err != nil {
		return err
	}
	field := regexp.MustCompile(`"Created":"[^"]*"`)
	if !field.Match(data) {
		return fmt.Errorf("natstest: %s does not tell when the stream was created", meta)
	}
	data = field.ReplaceAll(data, fmt.Appendf(nil, `"Created":%q`, created.Format(time.RFC3339Nano)))
	key := sha256.Sum256([]byte(stream))
	sum := binary.LittleEndian.AppendUint64(nil, highwayhash.Sum64(data, key[:]))
	if err := os.WriteFile(meta, data, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, server.JetStreamMetaFileSum), hex.AppendEncode(nil, sum), 0o600)
}
