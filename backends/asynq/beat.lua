-- Tells that an instance is alive, and with its roster takes those out that have
-- been silent for long.
--
-- KEYS  when the data began, when instances were seen, their rosters
-- ARGV  the instance, its roster or "", after how many µs of silence an
--       instance is forgotten
--
-- Returns the time and when the data began, both in µs.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local born = redis.call('GET', KEYS[1])
if not born then
	redis.call('SET', KEYS[1], now)
	born = now
end
redis.call('ZADD', KEYS[2], now, ARGV[1])
if ARGV[2] ~= '' then
	redis.call('HSET', KEYS[3], ARGV[1], ARGV[2])
	local oldest = string.format('%.0f', tonumber(now) - tonumber(ARGV[3]))
	for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', oldest)) do
		redis.call('ZREM', KEYS[2], gone)
		redis.call('HDEL', KEYS[3], gone)
	end
end
return {now, born}
