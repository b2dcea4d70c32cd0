// Package backends opens a manager by configuration: which engine, how, and
// what to change about the workers, without a change of the program.
//
//	cfg, err := backends.Load("tickwork.yaml") // then the environment, TICKWORK_…
//	if err != nil {
//		return err
//	}
//	m, err := backends.Open(ctx, cfg, core.Options{})
//
// The file; every part may be left out:
//
//	backend: native           # the default; or gocron, asynq, nats, or one of your own
//	enabled: true
//	namespace: billing        # keeps clusters on one broker apart
//	instance: ${HOSTNAME}     # these five override core.Options
//	max_concurrent: 8
//	stop_grace: 5s
//	connect_timeout: 30s
//	log_level: debug          # or info, warn, error
//	nats:                     # a section for each backend; the one that is chosen counts
//	  url: nats://${NATS_HOST:-localhost}:4222
//	  user: billing
//	  password_file: /run/secrets/nats-password   # or password: ${NATS_PASSWORD}
//	workers:                  # changes to workers, by name
//	  passive-user-checker: {cron: "0 3 * * *", timezone: Europe/Berlin, timeout: 10m}
//	  delete-old-logs:      {every: 1h, offset: 15m, jitter: 30s, run_on_start: true}
//	  rebuild-index:        {misfire: skip-missed}   # or run-latest, with max_late: 2h
//	  weekly-report:        {timezone: Asia/Tokyo}   # of the program's cron expression
//	  send-invoices:        {enabled: false, retry: {attempts: 3, backoff: 1s}}
//
// The file tickwork.schema.json beside this package tells editors of its keys.
// In a value ${NAME} is a variable of the environment, ${NAME:-default} one with a
// default, and $$ is a $. Put a cron expression in quotes, because * and @ have a
// meaning in YAML. Aliases work; merge keys (<<) are refused.
//
// A backend is there when its package is imported: backends/native and so on,
// or backends/all for all of them. OpenURL takes a URL in place of a file, and
// Preflight tells whether a configuration opens and when the workers will run.
//
// # For authors of backends
//
// Call Register from an init function of the package that has the engine. The
// section of a file with the backend's name, the environment and URLs are
// decoded into a type of your own; see Driver, its example, and
// examples/custom-backend. Say by a core.ConfigError which field cannot be right,
// and it is told with the line.
package backends
