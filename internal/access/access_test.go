package access_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/internal/access"
	"github.com/seed-891a2e1b/tickwork/internal/certtest"
)

func TestASecretIsReadWithoutItsLineEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	for _, c := range [][2]string{{"s3cret", "s3cret"}, {"s3cret\n", "s3cret"}, {"s3cret\r\n", "s3cret"}, {" s3\ncret \n", " s3\ncret "}} {
		text, want := c[0], c[1]
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		got, err := access.ReadSecret(path)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for text, want := range map[string]string{"": "is empty", "\n": "is empty", strings.Repeat("s3cret", 20_000): "larger than 64 KiB"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := access.ReadSecret(path)
		require.ErrorContains(t, err, "read "+path+": it is ")
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "s3cret")
	}
	_, err := access.ReadSecret(path + ".none")
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.True(t, strings.HasPrefix(err.Error(), "read "+path+".none: "), err)
	assert.Equal(t, 1, strings.Count(err.Error(), path), err)
	_, err = access.ReadSecret("hunter2-s3cret") // the password in the place of the path
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "its name is not shown")
	assert.NotContains(t, err.Error(), "s3cret")
	_, err = access.ReadSecret(filepath.Dir(path))
	require.ErrorContains(t, err, "read "+filepath.Dir(path)+": ")
}

func TestWhatIsNoPathIsRecognized(t *testing.T) {
	for _, path := range []string{"/run/secrets/password", "password.txt", `C:\secrets\password`, "/run/credentials/app@1.service/password"} {
		assert.False(t, access.IsContent(path), path)
	}
	for _, text := range []string{"-----BEGIN X", "a\nb", "redis://u:p@h", "eyJhbGciOi"} {
		assert.True(t, access.IsContent(text), text)
	}
}

func TestEveryPartOfASecretIsStruckOut(t *testing.T) {
	for text, want := range map[string]string{
		"nothing":                  "nothing",
		"the abcdefgh":             "the *****",
		"abcdefghabcdefgh":         "**********",
		"cut off: abcdef":          "cut off: *****",
		"its end: defgh.":          "its end: *****.",
		"abc and fgh":              "abc and fgh",
		"abcdXefgh":                "*****X*****",
		"wrongpass abcabcdefghabc": "wrongpass abc*****abc",
	} {
		assert.Equal(t, want, access.Strike(text, "abcdefgh"))
	}
	assert.Equal(t, "on one", access.Strike("on one", "on"))

	plain := fmt.Errorf("dial: %w", fs.ErrNotExist)
	assert.Equal(t, plain, access.Scrub(plain, "secret"))
	assert.NoError(t, access.Scrub(nil, "secret"))
	err := access.Scrub(&fs.PathError{Op: "AUTH", Path: "u s3cret", Err: fs.ErrNotExist}, "", "s3cret", "")
	assert.EqualError(t, err, "AUTH u *****: file does not exist")
	assert.ErrorIs(t, err, fs.ErrNotExist)
	var e *fs.PathError
	assert.ErrorAs(t, err, &e)
	assert.NoError(t, errors.Unwrap(err))
	assert.NotContains(t, fmt.Sprintf("%v %s %q", err, err, err), "s3cret")
}

func TestTLSReadsItsFiles(t *testing.T) {
	cert, key := certtest.New(t)
	var c tls.Config
	field, err := access.TLS{CA: cert, Cert: cert, Key: key, ServerName: "redis.internal"}.Apply(&c)
	require.NoError(t, err)
	assert.Empty(t, field)
	assert.Equal(t, "redis.internal", c.ServerName)
	assert.NotNil(t, c.RootCAs)
	got, err := c.GetClientCertificate(nil)
	require.NoError(t, err)
	assert.Len(t, got.Certificate, 1)

	for want, settings := range map[string]access.TLS{
		"CA: read none.pem: ":                                       {CA: "none.pem"},
		"CA: read " + key + ": it has no certificate in PEM":        {CA: key},
		"Cert: read the certificate none.pem and the key k.pem: ":   {Cert: "none.pem", Key: "k.pem"},
		"Cert: read the certificate " + key + " and the key " + key: {Cert: key, Key: key},
	} {
		field, err := settings.Apply(&tls.Config{})
		require.Error(t, err)
		assert.True(t, strings.HasPrefix(field+": "+err.Error(), want), err)
	}
}
