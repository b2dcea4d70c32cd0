package asynq

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/seed-891a2e1b/tickwork/internal/access"
)

// serverLog is the log of asynq's server. What it reports of tasks the manager
// reports better, so that only what goes wrong between it and Redis is for a
// user, and each such thing not more often than every so often: while Redis is
// away it repeats itself several times a second.
type serverLog struct {
	log     *slog.Logger
	secrets []string // struck out of the messages, which may quote a reply of Redis

	mu   sync.Mutex
	told map[string]time.Time // by the beginning of the message
}

// quietFor is how long a message is not repeated.
const quietFor = 30 * time.Second

func newServerLog(log *slog.Logger, secrets []string) *serverLog {
	return &serverLog{log: log, secrets: secrets, told: make(map[string]time.Time)}
}

// message returns the text of asynq's log message.
func (l *serverLog) message(args []any) string {
	text := fmt.Sprint(args...)
	for _, secret := range l.secrets {
		text = access.Strike(text, secret)
	}
	return "asynq: " + text
}

// Debug is not recorded: asynq reports each time that it looks for tasks.
func (l *serverLog) Debug(...any) {}

// Info records what asynq does.
func (l *serverLog) Info(args ...any) { l.log.Debug(l.message(args)) }

// Warn records what became of tasks, and of writes that will be tried again.
func (l *serverLog) Warn(args ...any) { l.log.Debug(l.message(args)) }

// Error records what has failed.
func (l *serverLog) Error(args ...any) {
	message := l.message(args)
	if strings.Contains(message, notListening) {
		return
	}
	kind, _, _ := strings.Cut(strings.TrimPrefix(message, "asynq: "), ":")
	now := time.Now()
	l.mu.Lock()
	again := now.Sub(l.told[kind]) < quietFor
	if !again && len(l.told) < 100 {
		l.told[kind] = now
	}
	l.mu.Unlock()
	if again {
		l.log.Debug(message)
		return
	}
	l.log.Warn(message)
}

// Fatal records what asynq takes for the end; it is not the program's.
func (l *serverLog) Fatal(args ...any) { l.log.Error(l.message(args)) }
