package ledger_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-891a2e1b/tickwork/core/ledger"
)

// FuzzLease holds the record as it is written against encoding/json, with any of
// its fields set.
func FuzzLease(f *testing.F) {
	f.Add("", int64(0), int64(0), int64(0), uint32(0))
	f.Add("host-1.local/7", int64(1_780_000_000), int64(123_456_789), int64(1<<62), ^uint32(0))
	f.Add(`a "quoted" \ <tag> & more`, int64(-62_135_596_800), int64(1), int64(1), uint32(0x5555_5555))
	f.Add("über\u2028\t\n\x00\x7f\xff", int64(253_402_300_799), int64(999_999_999), int64(-7), uint32(0xaaaa_aaaa))
	f.Fuzz(func(t *testing.T, text string, sec, nsec, n int64, fields uint32) {
		at := time.Unix(sec, nsec).In(time.FixedZone("", int(int8(n))*900))
		var lease ledger.Lease
		fill(t, reflect.ValueOf(&lease).Elem(), text, at, n, fields)
		want, err := json.Marshal(lease)
		if err != nil {
			t.Skip("neither can write that time")
		}
		require.Equal(t, string(want), string(ledger.EncodeLease(lease)))
	})
}

// fill sets the fields of a record whose bits are set.
func fill(t *testing.T, record reflect.Value, text string, at time.Time, n int64, fields uint32) {
	for i := range record.NumField() {
		if fields>>i&1 == 0 {
			continue
		}
		switch f := record.Field(i); f.Interface().(type) {
		case bool:
			f.SetBool(true)
		case string:
			f.SetString(text)
		case int, time.Duration:
			f.SetInt(n)
		case uint64:
			f.SetUint(uint64(n))
		case time.Time:
			f.Set(reflect.ValueOf(at))
		case *ledger.Run:
			f.Set(reflect.New(f.Type().Elem()))
			fill(t, f.Elem(), text, at, n, fields>>16|fields<<16)
		case []ledger.Told:
			f.Set(reflect.MakeSlice(f.Type(), 2, 2))
			fill(t, f.Index(1), text, at, n, fields>>20|fields<<12)
		default:
			t.Fatalf("a field of type %s", f.Type())
		}
	}
}
