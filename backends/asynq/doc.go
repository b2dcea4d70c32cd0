// Package asynq runs workers through github.com/hibiken/asynq, on Redis.
package asynq
