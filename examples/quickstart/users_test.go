package main

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func opened(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := openUsers(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// seeded makes a database with the sample users.
func seeded(t *testing.T, path string) {
	t.Helper()
	db, err := openUsers(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := seedUsers(t.Context(), db, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db *sql.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMarksUsersWhoStayedAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	synctest.Test(t, func(t *testing.T) {
		db := opened(t, path)
		limit := time.Now().Add(-passiveAfter).Unix()
		login := func(email string, at int64) {
			t.Helper()
			if _, err := db.Exec(`INSERT INTO users (email, last_login) VALUES (?, ?)`, email, at); err != nil {
				t.Fatal(err)
			}
		}
		login("long-gone", 0)
		login("just-passive", limit-1)
		login("just-active", limit)
		login("here", time.Now().Unix())
		if _, err := db.Exec(`INSERT INTO users (email, last_login, passive_since) VALUES ('known', 0, 17)`); err != nil {
			t.Fatal(err)
		}

		users := &marker{}
		status := once(t, db, markPassiveUsers, users.Run)
		if status.Failures > 0 {
			t.Fatal(status.Last.Err)
		}
		marked := count(t, db, `SELECT count(*) FROM users WHERE passive_since IS NOT NULL AND email IN ('long-gone', 'just-passive')`)
		active := count(t, db, `SELECT count(*) FROM users WHERE passive_since IS NULL AND email IN ('just-active', 'here')`)
		known := count(t, db, `SELECT passive_since FROM users WHERE email = 'known'`)
		if marked != 2 || active != 2 || known != 17 {
			t.Errorf("marked %d of 2, left active %d of 2, known since %d", marked, active, known)
		}
		if got, want := users.done(), "marked 2 users"; got != want {
			t.Errorf("done: %q, want %q", got, want)
		}
		if n := count(t, db, `SELECT marked FROM passive_runs WHERE tick = ?`, status.Last.Tick.ID()); n != 2 {
			t.Errorf("the note of the run says %d", n)
		}
	})
}

// TestMarksAndNoteAreOne has the second of the run's two writes fail.
func TestMarksAndNoteAreOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	synctest.Test(t, func(t *testing.T) {
		db := opened(t, path)
		if _, err := db.Exec(`INSERT INTO users (email, last_login) VALUES ('a', 0); DROP TABLE passive_runs`); err != nil {
			t.Fatal(err)
		}
		users := &marker{}
		status := once(t, db, markPassiveUsers, users.Run)
		if status.Failures != 1 || !strings.Contains(status.Last.Err.Error(), "note the run") {
			t.Errorf("%d failures, error %v", status.Failures, status.Last.Err)
		}
		if n := count(t, db, `SELECT count(*) FROM users WHERE passive_since IS NOT NULL`); n != 0 {
			t.Errorf("%d users marked without a note", n)
		}
		if got, want := users.done(), "marked 0 users"; got != want {
			t.Errorf("done: %q, want %q", got, want)
		}
	})
}

func TestSeedsOnce(t *testing.T) {
	db := opened(t, filepath.Join(t.TempDir(), "users.db"))
	for range 2 {
		if err := seedUsers(t.Context(), db, time.Now()); err != nil {
			t.Fatal(err)
		}
		if n := count(t, db, `SELECT count(*) FROM users`); n != spreadUsers+agingUsers {
			t.Errorf("%d users", n)
		}
	}
}

func TestLeavesForeignDatabasesAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "theirs.db")
	db, err := sql.Open("sqlite3", dataSource(path, false))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`CREATE TABLE users (name TEXT, last_login TEXT, passive_since TEXT)`)
	if err != nil || db.Close() != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = openUsers(context.Background(), path)
	if err == nil || !strings.Contains(err.Error(), "no table of users as this program makes it") {
		t.Errorf("error %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("it has changed (%v)", err)
	}
}
