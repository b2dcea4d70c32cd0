-- Writes one of the two records of a worker, if its revision is still the one
-- given and, where a guard is given, the control record's is the guard.
--
-- KEYS  the worker's hash
-- ARGV  the record's field, its revision, its new value, the guard or "",
--       what names this very write
--
-- Returns whether it was written, and both records as they are then: lease and
-- its revision, control and its revision. The value that was written is left out.
local key, field, rev, value, guard, id = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local at = field == 'lease' and 2 or 4 -- of the revision in what follows
local now = redis.call('HMGET', key, 'lease', 'lease_rev', 'control', 'control_rev', field .. '_write')

if (now[at] or '0') ~= rev or (guard ~= '' and (now[4] or '0') ~= guard) then
	-- A client may have sent this write before, and lost the answer.
	local mine = now[5] == id
	return {mine and 1 or 0, now[1], now[2], now[3], now[4]}
end

-- The time in µs, so that a revision never comes back after data were lost.
local time = redis.call('TIME')
local next = time[1] * 1000000 + time[2]
if next <= tonumber(rev) then
	next = tonumber(rev) + 1
end
now[at] = string.format('%.0f', next)
now[at - 1] = false
redis.call('HSET', key, field, value, field .. '_rev', now[at], field .. '_write', id)
return {1, now[1], now[2], now[3], now[4]}
