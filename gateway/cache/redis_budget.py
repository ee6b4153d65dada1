"""What some results may take together in Redis: the oldest make room for new ones, in one script.

Two keys beside the results tell of them: a sorted set, when each expires, and a hash, its bytes; under the empty name,
those of all. Of results that Redis itself has forgotten they tell until these would have expired, or make room.
"""

from __future__ import annotations

from typing import Final

COST: Final = 250
"""Bytes that a result takes beside its value."""
TOTAL: Final = ""
"""The field of the hash that has the bytes of all."""
KEEP: Final = """
local clock = redis.call('time')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function only(key, kind)
  local found = redis.call('type', key).ok
  if found ~= 'none' and found ~= kind then redis.call('del', key) end
end
local function forget(name)
  local size = redis.call('hget', KEYS[2], name)
  redis.call('zrem', KEYS[1], name)
  redis.call('hdel', KEYS[2], name)
  if size then redis.call('hincrby', KEYS[2], '', -size) end
end
only(KEYS[1], 'zset')
only(KEYS[2], 'hash')
if redis.call('exists', KEYS[1]) == 0 then redis.call('del', KEYS[2]) end
if redis.call('exists', KEYS[2]) == 0 then redis.call('del', KEYS[1]) end
local lifetime, budget, cost = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local size = #ARGV[1] + cost
if size > budget then return 0 end
for _, name in ipairs(redis.call('zrangebyscore', KEYS[1], '-inf', now, 'limit', 0, 100)) do forget(name) end
forget(KEYS[3])
while (tonumber(redis.call('hget', KEYS[2], '')) or 0) + size > budget do
  local oldest = redis.call('zrange', KEYS[1], 0, 0)[1]
  if not oldest then redis.call('del', KEYS[2]) break end
  redis.call('del', oldest)
  forget(oldest)
end
redis.call('set', KEYS[3], ARGV[1], 'px', lifetime)
redis.call('zadd', KEYS[1], now + lifetime, KEYS[3])
redis.call('hset', KEYS[2], KEYS[3], size)
redis.call('hincrby', KEYS[2], '', size)
redis.call('pexpire', KEYS[1], lifetime)
redis.call('pexpire', KEYS[2], lifetime)
return 1
"""
"""Keep a value (its name is the third key) for so many milliseconds, within a budget of bytes."""
