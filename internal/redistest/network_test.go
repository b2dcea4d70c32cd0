package redistest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Of a node that is cut off the server does not hear that it has gone.
func TestWhatIsCutOffClosesUnheard(t *testing.T) {
	mini := NewMini()
	defer mini.Close()
	client := mini.Client("a")
	defer client.Close()
	listeners := func() int { return mini.PubSubNumSub("news")["news"] }
	for _, end := range []func(){func() { mini.Cut("a", false) }, mini.Close} {
		sub := client.Subscribe(t.Context(), "news")
		_, err := sub.Receive(t.Context())
		require.NoError(t, err)
		mini.Cut("a", true)
		require.NoError(t, sub.Close())
		assert.Equal(t, 1, listeners(), "listeners, while it is cut off")
		end()
		assert.Zero(t, listeners(), "listeners, after that")
		mini.Cut("a", false)
	}
}
