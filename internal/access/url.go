package access

import (
	"errors"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// Advice says what to do about a URL whose password cannot be read for certain.
const Advice = "escape the user and the password: % then two hex digits for each special character " +
	"(# is %23, % is %25, / is %2F, : is %3A, ? is %3F, @ is %40), or use the separate user and password settings"

// The errors of ParseURL and ParseURLs. They are constant texts: a part of a URL
// that cannot be read may be a part of a password.
var (
	errForm     = errors.New("is not a URL of the form scheme://host")
	errEscape   = errors.New("cannot be read for certain; " + Advice)
	errEmpty    = errors.New("has an @ and neither a user nor a password before it")
	errNoHost   = errors.New("has no host")
	errHost     = errors.New("has a host or a port that cannot be read: a host has letters, digits and . _ -, or is an IPv6 address in brackets, and a port is a number from 1 to 65535; if that is part of a password, " + Advice)
	errLineEnd  = errors.New("has a line end in it; a file that is mounted often has one as its last character")
	errFragment = errors.New("has a #, and a broker's URL has no fragment; if that is part of a password, " + Advice)
	errSpace    = errors.New("has a space or a control character; write % and two hex digits for it (a space is %20)")
	errRest     = errors.New("has a path or parameters that cannot be read; are their special characters percent-encoded?")
	errPlus     = errors.New("has a + in a password or a token among its parameters; write %2B for it, and %20 for a space")
	errDiffer   = errors.New("gives its servers different users, or gives one only to some of them: the servers of a cluster take the same user and password; a comma in a password is %2C")
)

// ParseURL reads a broker's URL strictly. It refuses every URL that an unescaped
// character in the user or the password could have made, instead of guessing
// where they end: two @, a / ? or # before the @, a second : before it, a %
// without two hex digits. It also refuses a line end. All hosts are in Host, divided by commas. Host is empty
// if the URL has none, which is an error only after an @, except for unix.
//
// The errors are constant texts that follow the name of the setting.
func ParseURL(raw string) (*url.URL, error) {
	if strings.ContainsAny(raw, "\r\n") {
		return nil, errLineEnd
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok || !isScheme(scheme) {
		return nil, errForm
	}
	at, end := strings.IndexByte(rest, '@'), strings.IndexAny(rest, "/?#")
	if strings.Count(rest, "@") > 1 || end >= 0 && end < at {
		return nil, errEscape
	}
	var user *url.Userinfo
	if at >= 0 {
		var err error
		if user, err = parseUser(rest[:at]); err != nil {
			return nil, err
		}
		rest = rest[at+1:]
	}
	hosts, tail := rest, ""
	if end = strings.IndexAny(rest, "/?#"); end >= 0 {
		hosts, tail = rest[:end], rest[end:]
	}
	scheme = strings.ToLower(scheme)
	switch {
	case hosts == "" && user != nil && scheme != "unix":
		return nil, errNoHost
	case strings.Contains(tail, "#"):
		return nil, errFragment
	case strings.ContainsFunc(tail, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return nil, errSpace
	}
	if hosts != "" {
		for host := range strings.SplitSeq(hosts, ",") {
			if !IsHost(host) {
				return nil, errHost
			}
		}
	}
	u, err := url.Parse(scheme + "://" + tail) // what could be a password is not in it any more
	if err != nil {
		return nil, errRest
	}
	if err := checkQuery(u.RawQuery); err != nil {
		return nil, err
	}
	u.User, u.Host = user, unescapedZone(hosts)
	return u, nil
}

// ParseURLs reads a list of URLs that is divided by commas: the servers of one
// cluster, with the same user and password in each. One without a scheme gets
// the one that is given. One without a scheme, but with a user, is refused if it is not
// the first: what stands before it may be the begin of a password with a comma in it.
func ParseURLs(raw, scheme string) ([]*url.URL, error) {
	var list []*url.URL
	for text := range strings.SplitSeq(raw, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		bare := !strings.Contains(text, "://")
		if bare {
			text = scheme + "://" + text
		}
		u, err := ParseURL(text)
		if err != nil {
			return nil, err
		}
		if u.Host == "" {
			return nil, errNoHost
		}
		list = append(list, u)
		if !reflect.DeepEqual(u.User, list[0].User) {
			return nil, errDiffer
		}
		if bare && len(list) > 1 && u.User != nil {
			return nil, errEscape
		}
	}
	return list, nil
}

// parseUser reads what stands before the @.
func parseUser(text string) (*url.Userinfo, error) {
	name, password, has := strings.Cut(text, ":")
	for _, part := range []*string{&name, &password} {
		if strings.ContainsFunc(*part, func(r rune) bool { return !isUserRune(r) }) {
			return nil, errEscape
		}
		plain, err := url.PathUnescape(*part)
		if err != nil {
			return nil, errEscape
		}
		*part = plain
	}
	switch {
	case name == "" && password == "":
		return nil, errEmpty
	case !has:
		return url.User(name), nil
	}
	return url.UserPassword(name, password), nil
}

// isUserRune returns whether RFC 3986 allows a character in a user or a password
// unescaped, or it is the % of one that is escaped. A colon ends the user.
func isUserRune(r rune) bool { return isAlphanumeric(r) || strings.ContainsRune("-._~!$&'()*+,;=%", r) }

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func isScheme(text string) bool {
	for i, r := range text {
		if !isAlphanumeric(r) && (i == 0 || !strings.ContainsRune("+-.", r)) {
			return false
		}
	}
	return text != ""
}

// IsHost returns whether text is a host, with or without a port.
func IsHost(text string) bool {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		ip, rest, closed := strings.Cut(inner, "]")
		addr, err := netip.ParseAddr(unescapedZone(ip))
		port, has := strings.CutPrefix(rest, ":")
		return closed && err == nil && addr.Is6() && !strings.ContainsFunc(addr.Zone(), isNoHostRune) && (rest == "" || has && isPort(port))
	}
	name, port, has := strings.Cut(text, ":")
	return name != "" && !strings.ContainsFunc(name, isNoHostRune) && (!has || isPort(port))
}

// unescapedZone writes the % before the zone of an IPv6 address as it is: in a URL
// it is %25, as in [fe80::1%25eth0].
func unescapedZone(host string) string { return strings.ReplaceAll(host, "%25", "%") }

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

func isNoHostRune(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("._-", r) }

// checkQuery refuses parameters that cannot be read, and a + in a secret, which
// a query means as a space.
func checkQuery(raw string) error {
	if _, err := url.ParseQuery(raw); err != nil {
		return errRest
	}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if IsSecret(name) && strings.Contains(value, "+") {
			return errPlus
		}
	}
	return nil
}

// HidesParameters returns whether the parameters of a URL have a secret among them:
// then the name of an unknown one may be what follows an & in that secret, and
// must not be shown.
func HidesParameters(u *url.URL) bool {
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		if name, _, _ := strings.Cut(pair, "="); IsSecret(name) {
			return true
		}
	}
	return false
}

// ErrParameter is the error for an unknown parameter that HidesParameters hides.
var ErrParameter = errors.New("has an unknown parameter, which is not shown, because a password or a token is among the parameters; an & in it is written %26")

// IsSecret returns whether a setting of this name holds a secret. The names of
// files with secrets, such as password_file, say so too.
func IsSecret(name string) bool {
	for _, word := range []string{"pass", "pwd", "secret", "token", "seed", "nkey", "cred", "auth", "private"} {
		if strings.Contains(strings.ToLower(name), word) {
			return true
		}
	}
	return false
}
