-- Writes one of the two records of a worker, if its revision is still the one
-- given and, where a guard is given, the control record's is the guard.
--
-- KEYS  the worker's hash
-- ARGV  the record's field, its revision, its new value, the guard or "", and
--       what names this very write
--
-- Returns whether it was written, and both records as they are then: lease and
-- its revision, control and its revision. The value that was written is left out.
local key, field, rev, value, guard, id = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local now = redis.call('HMGET', key, 'lease_rev', 'control_rev')
local at = field == 'lease' and 1 or 2

if (now[at] or '0') ~= rev or (guard ~= '' and (now[2] or '0') ~= guard) then
	-- A client may have sent this write before, and lost the answer.
	local mine = redis.call('HGET', key, field .. '_write') == id
	local all = redis.call('HMGET', key, 'lease', 'control')
	return {mine and 1 or 0, all[1], now[1], all[2], now[2]}
end

-- The time in µs, so that a revision never comes back after data were lost.
local time = redis.call('TIME')
local next, before = time[1] * 1000000 + time[2], tonumber(rev)
if next <= before then
	next = before + 1
end
now[at] = string.format('%.0f', next)
redis.call('HSET', key, field, value, field .. '_rev', now[at], field .. '_write', id)

local other = field == 'lease' and 'control' or 'lease'
local kept = now[3 - at] and redis.call('HGET', key, other)
if at == 1 then
	return {1, false, now[1], kept, now[2]}
end
return {1, kept, now[1], false, now[2]}
