package core

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

// TestLayout guards what a million workers cost. Each limit is a size of the
// allocator: a field more makes all of them larger.
func TestLayout(t *testing.T) {
	assert.LessOrEqual(t, int(unsafe.Sizeof(Job{})), 256, "Job: of each worker")
	assert.LessOrEqual(t, int(unsafe.Sizeof(run{})), 64, "run: of each run")
}
