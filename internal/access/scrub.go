package access

import (
	"errors"
	"strings"
)

// Struck is written in place of a secret.
const Struck = "*****"

// shown is how many characters of a secret in a row may be shown.
const shown = 3

// Strike strikes out of a text every part of a secret that is longer than three
// characters: a server that quotes a password may have cut it off.
func Strike(text, secret string) string {
	if len(secret) <= shown {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		n := longestPart(text[i:], secret)
		if n <= shown {
			b.WriteByte(text[i])
			i++
			continue
		}
		b.WriteString(Struck)
		i += n
	}
	return b.String()
}

// longestPart returns the length of the longest beginning of text that is part of
// secret, if it is longer than may be shown.
func longestPart(text, secret string) int {
	n := shown
	for n < len(text) && strings.Contains(secret, text[:n+1]) {
		n++
	}
	return n
}

// Scrub returns err without the secrets in its message. errors.Is and errors.As
// find what they find in err.
func Scrub(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	message := err.Error()
	for _, secret := range secrets {
		message = Strike(message, secret)
	}
	if message == err.Error() {
		return err
	}
	return Reworded(err, message)
}

// Reworded returns an error with another message, in which errors.Is and
// errors.As find what they find in err. It does not unwrap to err, whose message
// shows what this one must not.
func Reworded(err error, message string) error { return &reworded{message, err} }

type reworded struct {
	message string
	err     error
}

func (r *reworded) Error() string        { return r.message }
func (r *reworded) Is(target error) bool { return errors.Is(r.err, target) }
func (r *reworded) As(target any) bool   { return errors.As(r.err, target) }
