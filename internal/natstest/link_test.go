package natstest

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(AccessTime)) }

// provider has the servers' ends of the connections.
type provider chan net.Conn

func (p provider) InProcessConn() (net.Conn, error) {
	client, server := net.Pipe()
	p <- server
	return client, nil
}

// Over a link that is cut the server does not hear that the client has gone.
func TestWhatIsCutOffClosesUnheard(t *testing.T) {
	servers := make(provider, 1)
	link := NewLink(servers)
	for _, end := range []string{"it is healed", "the server ends"} {
		client, err := link.InProcessConn()
		require.NoError(t, err)
		server := <-servers
		link.Cut(true)
		left := make(chan error)
		go func() {
			_, err := client.Read(make([]byte, 1))
			left <- err
		}()
		require.NoError(t, client.Close())
		require.NoError(t, client.Close(), "again")
		require.ErrorIs(t, <-left, net.ErrClosed)
		_, err = server.Write([]byte("to nobody"))
		require.NoError(t, err)
		require.NoError(t, server.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		_, err = server.Read(make([]byte, 1))
		var timeout net.Error
		require.ErrorAs(t, err, &timeout, "nothing is heard")
		if end == "it is healed" {
			link.Cut(false)
			_, err = server.Read(make([]byte, 1))
			assert.ErrorIs(t, err, io.EOF)
		}
		require.NoError(t, server.Close())
		link.Cut(false)
	}
	assert.Empty(t, link.conns)
}
