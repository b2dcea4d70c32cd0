package nats

import (
	"encoding/hex"
	"strings"
)

// Names go into subjects and into the bucket's name, where but letters, digits,
// - and _ everything has a meaning or is refused. What else is in a name is
// written as _XX, in upper-case hexadecimal, and so is a _ that could be taken
// for such an escape: two names are never one key.

func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if plain(c) && (c != '_' || i+2 >= len(name) || !isHex(name[i+1]) || !isHex(name[i+2])) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('_')
		b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{c})))
	}
	return b.String()
}

func unescape(key string) string {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		if key[i] == '_' && i+2 < len(key) && isHex(key[i+1]) && isHex(key[i+2]) {
			c, _ := hex.DecodeString(key[i+1 : i+3])
			b.Write(c)
			i += 2
			continue
		}
		b.WriteByte(key[i])
	}
	return b.String()
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' }

// The keys of the bucket.
const (
	leases   = "w." // who runs a worker, and what was run
	controls = "c." // what was asked for
	alive    = "i." // an instance, written with every beat
	rosters  = "r." // an instance's workers
)
