-- The counters of a shard. `accepted`, `door`, `newest` only grow, unless a crash of the server set
-- them back together with the stream: what a caller remembers of them from the server's former life
-- (`seen_run`, `seen_accepted`) then shows what was forgotten. `base` is `accepted` as it was when
-- this life (`run`) began, `raised` is by how much it was raised since for what earlier lives had
-- confirmed, and `healed` is the sum of that over all lives.
local function whole(number)
  return string.format('%.0f', number)
end

local function totals(key, run, seen_run, seen_accepted)
  local names = {'accepted', 'door', 'events', 'bytes', 'newest', 'healed', 'base', 'raised'}
  local values = redis.call('HMGET', key, 'run', unpack(names))
  local t = {run = values[1], changed = false}
  for i, name in ipairs(names) do
    t[name] = tonumber(values[i + 1] or 0)
  end
  if run == '' then
    run = string.match(redis.call('INFO', 'server'), 'run_id:(%x%x%x%x%x%x%x%x)')
  end
  if t.run ~= run then
    t.run, t.base, t.raised, t.changed = run, t.accepted, 0, true
  end
  if seen_run ~= '' and seen_run ~= run then
    local more = tonumber(seen_accepted) - t.base - t.raised
    if more > 0 then
      t.accepted, t.healed, t.raised = t.accepted + more, t.healed + more, t.raised + more
      t.changed = true
    end
  end
  return t
end

local function keep(key, t)
  redis.call('HSET', key, 'run', t.run, 'accepted', whole(t.accepted), 'door', whole(t.door),
    'events', whole(t.events), 'bytes', whole(t.bytes), 'newest', whole(t.newest),
    'healed', whole(t.healed), 'base', whole(t.base), 'raised', whole(t.raised))
end
