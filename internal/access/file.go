package access

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// maxSecret is the size of the largest file with a secret, in bytes.
const maxSecret = 64 << 10

// ReadSecret returns the secret in a file, without the line end at its end, which
// editors and echo add. The errors name the file and never show what is in it. A name
// without a directory may be the secret itself, given by mistake, and is not shown.
func ReadSecret(path string) (string, error) {
	f, err := os.Open(path)
	switch {
	case err != nil && !strings.ContainsAny(path, `/\`):
		return "", fmt.Errorf("read the file: %w; its name is not shown, because a name without a directory may be the secret itself: write the whole path", reasonOf(err))
	case err != nil:
		return "", unreadable(path, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", unreadable(path, err)
	}
	secret := strings.TrimRight(string(data), "\r\n")
	switch {
	case len(data) > maxSecret:
		return "", fmt.Errorf("read %s: it is larger than %d KiB, which no secret is", path, maxSecret>>10)
	case secret == "":
		return "", fmt.Errorf("read %s: it is empty; write the secret into it", path)
	}
	return secret, nil
}

func unreadable(path string, err error) error {
	return fmt.Errorf("read %s: %w", path, reasonOf(err))
}

// reasonOf returns an error of package os without the path.
func reasonOf(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// content matches how a credential begins, or what it contains: a seed, a JWT,
// the base 64 of a PEM file with or without its first line, or a line end.
var content = regexp.MustCompile(`^["']?S[A-Z][A-Z2-7]{40,}|^eyJ|^MI[IG][A-Za-z0-9+/=]{40,}|^LS0t|-----BEGIN|\n`)

// ErrContent is the error for a path that IsContent refuses.
var ErrContent = errors.New("must be the path of a file; it seems to be the file's content, which is not shown here")

// IsContent returns whether what should be a path is the content of a file or a
// URL: an error about the path would show it.
func IsContent(path string) bool {
	return content.MatchString(strings.TrimSpace(path)) || strings.Contains(path, "://")
}

// LooksLikeURL returns whether a text that is given for something else, such as a
// name, may be a URL with a password in it, and must not be shown.
func LooksLikeURL(text string) bool {
	return strings.Contains(text, "://") || strings.Contains(text, "@")
}
