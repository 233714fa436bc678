"""The decision in Redis: one script, one round trip, by Redis's own clock, which all processes share."""

from collections.abc import Sequence
from typing import Final

from hub.limits.gcra import Decision, Take
from hub.redis.client import Client, script

DECIDE: Final = script("""
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local longest, refused, after = 0, 0, {}
for place, key in ipairs(KEYS) do
  local burst, interval, cost = tonumber(ARGV[3 * place - 2]), tonumber(ARGV[3 * place - 1]), tonumber(ARGV[3 * place])
  local begun = math.min(math.max(tonumber(redis.call('GET', key) or 0), now), now + burst * interval)
  local moment = math.max(begun + cost * interval, now)
  local wait = 0
  if cost > 0 then wait = moment - burst * interval - now end
  if wait > longest then longest, refused = wait, place - 1 end
  after[place] = moment
end
if longest == 0 then
  for place, key in ipairs(KEYS) do
    if after[place] > now then
      redis.call('SET', key, string.format('%.0f', after[place]), 'PX', math.ceil((after[place] - now) / 1000))
    else
      redis.call('DEL', key)
    end
  end
end
return {longest, refused}
""")


class InRedis:
    """Limits that all processes share. `prefix`: the hub's own, in a Redis that others use too."""

    def __init__(self, client: Client, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    async def decide(self, takes: Sequence[Take]) -> Decision:
        """One decision. Raises `RedisFault`."""
        keys = [f"{self._prefix}:limit:{take.key}" for take in takes]
        arguments = [number for take in takes for number in (take.limit.burst, take.limit.interval_us, take.cost)]
        wait_us, refused_by = await self._client.run(DECIDE, keys, arguments)
        return Decision(wait_us, refused_by)
