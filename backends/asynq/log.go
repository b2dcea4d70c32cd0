package asynq

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// serverLog is the log of asynq's server. What it reports of tasks the manager
// reports better, so that only what goes wrong between it and Redis is for a
// user, and each such thing not more often than every so often: while Redis is
// away it repeats itself several times a second.
type serverLog struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[string]time.Time // by the beginning of the message
}

// quietFor is how long a message is not repeated.
const quietFor = 30 * time.Second

func newServerLog(log *slog.Logger) *serverLog {
	return &serverLog{log: log, told: make(map[string]time.Time)}
}

// Debug is not recorded: asynq reports each time that it looks for tasks.
func (l *serverLog) Debug(...any) {}

// Info records what asynq does.
func (l *serverLog) Info(args ...any) { l.log.Debug("asynq: " + fmt.Sprint(args...)) }

// Warn records what became of tasks, and of writes that will be tried again.
func (l *serverLog) Warn(args ...any) { l.log.Debug("asynq: " + fmt.Sprint(args...)) }

// Error records what has failed.
func (l *serverLog) Error(args ...any) {
	message := fmt.Sprint(args...)
	kind, _, _ := strings.Cut(message, ":")
	now := time.Now()
	l.mu.Lock()
	again := now.Sub(l.told[kind]) < quietFor
	if !again && len(l.told) < 100 {
		l.told[kind] = now
	}
	l.mu.Unlock()
	if again {
		l.log.Debug("asynq: " + message)
		return
	}
	l.log.Warn("asynq: " + message)
}

// Fatal records what asynq takes for the end; it is not the program's.
func (l *serverLog) Fatal(args ...any) { l.log.Error("asynq: " + fmt.Sprint(args...)) }
