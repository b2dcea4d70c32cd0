package nats

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNamesAreWrittenForSubjects(t *testing.T) {
	for name, key := range map[string]string{
		"delete-old-logs":   "delete-old-logs",
		"my_app":            "my_app",
		"billing.invoices":  "billing_2Einvoices",
		"a/b:c":             "a_2Fb_3Ac",
		"all.>":             "all_2E_3E",
		"a b*":              "a_20b_2A",
		"user_2E":           "user_5F2E",
		"user_2e":           "user_2e",
		"_":                 "_",
		"é":                 "_C3_A9",
		"host-1-00ff_AB_CD": "host-1-00ff_5FAB_5FCD",
		"":                  "",
	} {
		assert.Equal(t, key, escape(name))
		assert.Equal(t, name, unescape(key))
	}
}

// FuzzNames: what is written can stand in a subject, and is read as what it was,
// so that two names are never one key.
func FuzzNames(f *testing.F) {
	good := regexp.MustCompile(`^[A-Za-z0-9_-]*$`)
	for _, name := range []string{"a.b", "_2E", "__5F", "_5", "a_", "*", "\x00", "_5F2E"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		key := escape(name)
		if !good.MatchString(key) {
			t.Errorf("%q is written as %q", name, key)
		}
		if got := unescape(key); got != name {
			t.Errorf("%q is written as %q, and read as %q", name, key, got)
		}
	})
}
