package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
)

// version is that of the bucket's configuration. It is kept in the stream's
// metadata, and a bucket that is marked with a higher one is not updated at all:
// during a rolling deploy the older version of this package uses what the newer has
// made as it is, or says why it cannot.
const version = 1

const versionKey = "tickwork.version"

// bucket is the key-value bucket of a namespace: the ledger.
type bucket struct {
	name     string
	replicas int
	storage  jetstream.StorageType
}

func (b bucket) stream() string { return "KV_" + b.name }

// subject is the key's, as the stream has it.
func (b bucket) subject(key string) string { return "$KV." + b.name + "." + key }

// config is the bucket as it is made. It is what jetstream.CreateKeyValue makes,
// but that records are read from the stream's leader (AllowDirect is off): a
// replica may not have yet what was written, and what is read after a doubtful
// write decides what it did.
func (b bucket) config() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              b.stream(),
		Description:       "tickwork: who runs which worker",
		Subjects:          []string{b.subject(">")},
		MaxMsgsPerSubject: 1,
		MaxMsgs:           -1,
		MaxBytes:          -1,
		MaxMsgSize:        -1,
		MaxConsumers:      -1,
		Discard:           jetstream.DiscardNew,
		Storage:           b.storage,
		Replicas:          b.replicas,
		AllowRollup:       true,
		DenyDelete:        true,
		Metadata:          map[string]string{versionKey: strconv.Itoa(version)},
	}
}

// A configError is one that trying again does not mend.
type configError struct{ reason string }

func (e *configError) Error() string { return e.reason }

// mended returns the configuration with which a bucket that was found is right,
// and whether that is another one than it has. It never takes away: more
// replicas stay, and all that a newer version has made. One that lacks only
// our mark is left as it is, since whoever made it may not permit an update.
func (b bucket) mended(found jetstream.StreamConfig) (cfg jetstream.StreamConfig, changed bool, err error) {
	cfg = found
	switch {
	case b.storage == jetstream.FileStorage && found.Storage == jetstream.MemoryStorage:
		return cfg, false, &configError{fmt.Sprintf("the bucket %s is kept in memory, and is to be in files: delete it, or configure memory", b.name)}
	case found.MaxAge != 0:
		return cfg, false, &configError{fmt.Sprintf("the bucket %s forgets its keys after %s: the ledger must not", b.name, found.MaxAge)}
	case found.Discard == jetstream.DiscardOld && (found.MaxBytes > 0 || found.MaxMsgs > 0):
		return cfg, false, &configError{fmt.Sprintf("the bucket %s discards its oldest keys when it is full: the ledger must not", b.name)}
	case found.Mirror != nil || len(found.Sources) > 0 || found.Sealed:
		return cfg, false, &configError{fmt.Sprintf("the bucket %s is a copy of another, or sealed: the ledger is written to", b.name)}
	}
	have := versionOf(found)
	if have > version {
		return cfg, false, nil
	}
	if found.Replicas < b.replicas {
		cfg.Replicas, changed = b.replicas, true
	}
	_, marked := found.Metadata[versionKey]
	want := b.config()
	if right := found.AllowDirect == want.AllowDirect; right && (have == version || !marked && !changed) {
		return cfg, changed, nil
	}
	cfg.AllowDirect, cfg.Description = want.AllowDirect, want.Description
	cfg.Metadata = map[string]string{versionKey: want.Metadata[versionKey]}
	for key, value := range found.Metadata {
		if key != versionKey {
			cfg.Metadata[key] = value
		}
	}
	return cfg, true, nil
}

// versionOf is the version that a bucket is marked with; zero where it is not.
func versionOf(found jetstream.StreamConfig) int {
	have, _ := strconv.Atoi(found.Metadata[versionKey])
	return have
}

// lacks says what a bucket that a newer version has made does not have of what is
// wanted; empty is nothing.
func (b bucket) lacks(found jetstream.StreamConfig) string {
	if have := versionOf(found); have > version && found.Replicas < b.replicas {
		return fmt.Sprintf("the bucket %s has %d of %d replicas, and is used as it is: version %d of its configuration has made it, and this is %d", b.name, found.Replicas, b.replicas, have, version)
	}
	return ""
}

// open returns the bucket, which it makes or mends where that is needed. All
// instances may do so at once.
func (b bucket) open(ctx context.Context, js jetstream.JetStream) (jetstream.KeyValue, jetstream.Stream, error) {
	stream, err := js.Stream(ctx, b.stream())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = js.CreateStream(ctx, b.config())
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another was quicker, with another configuration
			stream, err = js.Stream(ctx, b.stream())
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open the bucket %s: %w", b.name, err)
	}
	cfg, changed, err := b.mended(stream.CachedInfo().Config)
	if err != nil {
		return nil, nil, err
	}
	if changed {
		if stream, err = js.UpdateStream(ctx, cfg); err != nil {
			return nil, nil, fmt.Errorf("update the bucket %s (replicas %d, allow_direct %t): %w", b.name, cfg.Replicas, cfg.AllowDirect, err)
		}
	}
	kv, err := js.KeyValue(ctx, b.name)
	if err != nil {
		return nil, nil, fmt.Errorf("open the bucket %s: %w", b.name, err)
	}
	return kv, stream, nil
}
