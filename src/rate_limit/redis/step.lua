-- One step of a quota that programs share by Redis: what they have to tell, then what one of
-- them asks. The rules are those of `quota.rs`, function by function and under the same names;
-- `same_rules.rs` compares the two.
--
-- What stands before this text: CLOCK, the server's time; RUN, another text for each start of
-- the server; UP, since when it runs; and the constants of `rate_limit.rs`. All times are in
-- microseconds, those of the state since it began.
--
-- KEYS[1] is the account's key. ARGV[1] is a `Message` of `step.rs`, and what is returned a
-- `Reply`.

local FOREVER = math.huge
local message = cjson.decode(ARGV[1])
local limit, window, own = message.limit, message.window, message.own
local quota, now

local function begun()
  return {
    format = FORMAT, lineage = message.fresh, run = RUN, clock = CLOCK, time = 0,
    under_way = {}, cooling = {}, waiting = {}, word = { since = 0, doubts = 1 },
    lead = 'due', writes = 0,
  }
end

local function kept(list, keeps)
  local rest = {}
  for _, item in ipairs(list) do
    if keeps(item) then rest[#rest + 1] = item end
  end
  return rest
end

local function with(list, name, value)
  for index, item in ipairs(list) do
    if item[name] == value then return index, item end
  end
end

-- What Redis has, at the present time: it never goes back, and passes no faster than the
-- program has measured itself since its own last look. Returns why it is not what the programs
-- knew, where that is so.
local function look()
  local text = redis.call('GET', KEYS[1])
  local lost
  if text then
    local ok, found = pcall(cmsgpack.unpack, text)
    if not ok or type(found) ~= 'table' or not found.format then return 'FOREIGN' end
    if found.format ~= FORMAT then return 'NEWER' end
    quota = found
    local forgets = own and own.lineage == quota.lineage and own.time > quota.time
    lost = quota.run ~= RUN or forgets
  else
    -- It is new, or has expired, as far as the server knows; after a start it knows nothing.
    lost = UP < window
  end
  if lost or not quota then quota = begun() end
  -- The program has seen another one, which was lost when this one began.
  if own and own.lineage ~= quota.lineage then lost = true end
  local time = quota.time + math.max(CLOCK - quota.clock, 0)
  if own then
    -- Another quota has begun after that look, at 0.
    local at_most = own.since + (own.lineage == quota.lineage and own.time or 0)
    if time > at_most + APART then time = math.max(at_most, quota.time) end
  end
  quota.time, quota.clock, now = time, CLOCK, time
  -- What was used may have been everything, and is gone a window after it was lost.
  lost = lost and now < window
  if lost then quota.paused = math.max(quota.paused or 0, window) end
  return nil, lost
end

local function cool(free, ticket, counted)
  table.insert(quota.cooling, { free = free, ticket = ticket, counted = counted })
end

local function next_other()
  local others = quota.others
  if not others then return FOREVER end
  return others.tried and others.gone or others.tried_from
end

-- Lets everything become free whose time has come.
local function settle()
  local cooling = kept(quota.cooling, function(slot) return slot.free > now end)
  if #cooling < #quota.cooling then quota.word.remaining = nil end
  quota.cooling = cooling
  quota.under_way = kept(quota.under_way, function(lease) return lease.lapses > now end)
  local lead = quota.lead
  if type(lead) == 'table' and lead.since + HEAD_START <= now then quota.lead = 'over' end
  if quota.paused and quota.paused <= now then quota.paused = nil end
  local others = quota.others
  if others then
    if others.gone <= now then
      others.slots = 0
      quota.word.doubts = math.max(quota.word.doubts, 1)
    elseif not others.tried and others.tried_from <= now then
      others.tried, others.slots = true, others.slots - 1
    end
    if others.slots == 0 then quota.others = nil end
  end
end

local function used() return #quota.under_way + #quota.cooling end

local function free()
  local others = quota.others and quota.others.slots or 0
  return math.max(limit - used() - others, 0)
end

-- Until when nobody goes, though slots may be free.
local function held_until()
  local lead = quota.lead
  local until_ = type(lead) == 'table' and lead.since + HEAD_START or nil
  if until_ and quota.paused then return math.max(until_, quota.paused) end
  return until_ or quota.paused
end

local function at_least_held(at)
  local held = held_until()
  return at and held and math.max(at, held) or at or held
end

-- When the passing of time frees slots, in that order.
local function becoming_free()
  local times = {}
  for _, slot in ipairs(quota.cooling) do times[#times + 1] = slot.free end
  for _, lease in ipairs(quota.under_way) do times[#times + 1] = lease.lapses end
  if quota.others then times[#times + 1] = next_other() end
  table.sort(times)
  return times
end

-- How many others, whose turn it is before this one's, look by then.
local function before(me, by)
  local read_is_due = quota.writes >= WRITES_BEFORE_A_READ
  local function goes_first(a, b)
    if a.write ~= b.write then return a.write ~= read_is_due end
    if a.since ~= b.since then return a.since < b.since end
    return a.program < b.program
  end
  return #kept(quota.waiting, function(other) return other.looks <= by and goes_first(other, me) end)
end

local function leave(program)
  quota.waiting = kept(quota.waiting, function(other) return other.program ~= program end)
end

-- When a program looks again that learns of what others do by looking only.
local function looks(at)
  if #quota.under_way == 0 then return at end
  local every = type(quota.lead) == 'table' and HEAD_START / 20 or math.floor(window / 60)
  return math.min(at or FOREVER, now + math.max(every, SOON))
end

local function take(asker)
  local lapses = now + asker.lease + GRACE + window
  -- One whose answer was lost asks again.
  local _, lease = with(quota.under_way, 'ticket', asker.ticket)
  if lease then
    lease.lapses = lapses
  else
    table.insert(quota.under_way, {
      ticket = asker.ticket, taken = now, word = quota.word.remaining, lapses = lapses,
    })
    if quota.lead == 'due' then quota.lead = { ticket = asker.ticket, since = now } end
    quota.writes = asker.write and quota.writes + 1 or 0
  end
  return true
end

-- Whether a slot was taken; if not, when to look again.
local function ask(asker)
  settle()
  leave(message.program)
  if with(quota.under_way, 'ticket', asker.ticket) then return take(asker) end
  local me = {
    program = message.program, write = asker.write, since = math.max(now - asker.waited, 0),
  }
  quota.waiting = kept(quota.waiting, function(other) return now <= other.looks + PATIENCE end)
  local slots, held, at = free(), held_until(), nil
  if slots > 0 and not held then
    if before(me, now) < slots then return take(asker) end
    at = now + SOON
  elseif slots > 0 then
    at = held
  else
    local times = becoming_free()
    at = at_least_held(times[before(me, FOREVER) + 1] or times[#times])
  end
  at = looks(at)
  me.looks = at or now
  table.insert(quota.waiting, me)
  return false, at
end

local function leave_to_others(slots, tried_from, gone)
  quota.others = slots > 0 and
    { slots = slots, tried_from = tried_from, tried = false, gone = gone } or nil
end

local function one_of_others_less()
  local others = quota.others
  if not (others and others.tried) then return end
  others.slots = others.slots - 1
  if others.slots == 0 then quota.others = nil end
end

local function is_believed() return quota.word.doubts <= CONTRADICTIONS end

-- Compares what an answer says with what was said when its request was sent.
local function weigh(lease, told)
  local word = quota.word
  if lease.word and told < lease.word then
    word.doubts = 0
  elseif lease.word then
    word.doubts = math.min(word.doubts + 1, CONTRADICTIONS + 1)
  end
  local lower = word.remaining and lease.taken < word.since and word.remaining <= told
  if not lower then word.remaining, word.since = told, now end
end

local function accepted(lease, told)
  if quota.last_refusal and lease.taken < quota.last_refusal then return end
  if told then
    local believed_before = is_believed()
    weigh(lease, told)
    if is_believed() then
      local remaining = quota.word.remaining
      local slots = math.max(math.max(limit - #quota.cooling, 0) - remaining, 0)
      local gone = now + window
      local unsure = remaining < told or (remaining == 0 and quota.word.doubts > 0)
      leave_to_others(slots, unsure and now or gone, gone)
      return
    end
    if believed_before then quota.others = nil end
  end
  one_of_others_less()
end

-- Returns how long nobody goes, unless that was known.
local function refused(lease, retry_after)
  local known = quota.last_refusal and lease.taken < quota.last_refusal
  if known and not retry_after then return end
  if lease.word == 0 then quota.word.doubts = 0 end
  quota.word.remaining = nil
  local series = quota.first_refusal
  if not (series and now < series + window) then series = now end
  quota.first_refusal = series
  local gone, mine = series + window, FOREVER
  for _, cooling in ipairs(quota.cooling) do
    if cooling.counted then mine = math.min(mine, cooling.free) end
  end
  local until_ = retry_after and now + math.min(retry_after, LONGEST_PAUSE) or math.min(mine, gone)
  local tried_from = retry_after and until_ or gone
  quota.paused = math.max(quota.paused or 0, until_)
  quota.last_refusal = now
  quota.lead = 'due'
  local left = mine < FOREVER and tried_from + window or math.max(tried_from, gone)
  leave_to_others(math.max(limit - used(), 0), tried_from, left)
  return not known and until_ - now or nil
end

-- The request of a slot has ended. One that is told twice counts once.
local function ended(slot)
  settle()
  if with(quota.cooling, 'ticket', slot.ticket) then return end
  local index, lease = with(quota.under_way, 'ticket', slot.ticket)
  if index then table.remove(quota.under_way, index) end
  -- It has lapsed, or was lost: nothing is remembered of it.
  lease = lease or { taken = 0 }
  local lead = quota.lead
  if type(lead) == 'table' and lead.ticket == slot.ticket then quota.lead = 'over' end
  local over = now + window
  if slot.how == 'unanswered' then
    cool(over + GRACE, slot.ticket, true)
  elseif slot.how == 'accepted' then
    cool(over, slot.ticket, true)
    accepted(lease, slot.remaining)
  elseif slot.how == 'refused' then
    cool(over, slot.ticket, false)
    return refused(lease, slot.retry_after)
  end
end

local problem, lost = look()
if problem then return redis.error_reply('HUNTRESS' .. problem .. ' ' .. KEYS[1]) end
local pause, taken, at
for _, news in ipairs(message.news) do
  if news.ended then
    local told = ended(news.ended)
    pause = told and math.max(pause or 0, told) or pause
  elseif news.used then
    -- Without Redis. What is told twice counts once.
    local ticket = news.used.ticket
    quota.cooling = kept(quota.cooling, function(slot) return slot.ticket ~= ticket end)
    for _ = 1, news.used.slots do cool(now + news.used.lasts, ticket, true) end
  elseif news.left then
    leave(message.program)
  end
end
if message.ask then taken, at = ask(message.ask) else settle() end
local held = held_until()
local reply = {
  quota.lineage, now, lost and 1 or 0, pause or -1,
  taken and 1 or 0, at and at - now or -1,
  #quota.under_way, used(), quota.others and quota.others.slots or 0, held and 0 or free(),
  -1,
}
local next_free = at_least_held(becoming_free()[1])
if next_free then reply[11] = next_free - now end
redis.call('SET', KEYS[1], cmsgpack.pack(quota), 'PX', EXPIRES)
return reply
