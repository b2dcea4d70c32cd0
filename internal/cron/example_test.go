package cron_test

import (
	"fmt"
	"time"

	"github.com/seed-891a2e1b/tickwork/internal/cron"
)

func Example() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	nightly, err := cron.Parse("30 2 * * *", berlin)
	if err != nil {
		panic(err)
	}
	// On 30 March the clock goes from 02:00 to 03:00.
	slot := time.Date(2025, time.March, 28, 12, 0, 0, 0, berlin)
	for range 3 {
		slot = nightly.Next(slot)
		fmt.Println(slot)
	}
	// Output:
	// 2025-03-29 02:30:00 +0100 CET
	// 2025-03-30 03:00:00 +0200 CEST
	// 2025-03-31 02:30:00 +0200 CEST
}

func ExampleParseError() {
	_, err := cron.Parse("0 25 * * *", nil)
	fmt.Println(err)
	_, err = cron.Parse("0 0 30 FEB *", nil)
	fmt.Println(err)
	// Output:
	// cron expression "0 25 * * *": hour "25" is not between 0 and 23
	// cron expression "0 0 30 FEB *": day of month "30" is in no month of "FEB", so the expression is never due
}

func ExampleExpr_Prev() {
	e, err := cron.Parse("*/15 9-17 * * MON-FRI", nil)
	if err != nil {
		panic(err)
	}
	sunday := time.Date(2025, time.June, 15, 12, 0, 0, 0, time.UTC)
	fmt.Println(e.Prev(sunday).Format(time.RFC1123))
	fmt.Println(e.Next(sunday).Format(time.RFC1123))
	// Output:
	// Fri, 13 Jun 2025 17:45:00 UTC
	// Mon, 16 Jun 2025 09:00:00 UTC
}
