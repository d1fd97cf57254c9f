-- ways_to.lua - by which of his flows a peer can be reached, and where he can be dialled. Keeps nothing.

-- Is it a link-local address? It means something on this host alone, so that where there is another that one is told.
local function is_of_link(host) return host ~= nil and host:find("%", 1, true) ~= nil end

--- Gives PEERS (peers.lua) these questions.
return function(peers)
  -- The best proved flow of a peer: over a channel that is there, then one that he speaks over now, then one of which
  -- others can make use, then the quickest.
  function peers:best(peer)
    local best
    local function worse(a, b)
      local closed = a.source.channel.closed or false
      if closed ~= (b.source.channel.closed or false) then return closed end
      if a.beat ~= b.beat then return a.beat < b.beat end
      local of_link = is_of_link(a.source.host)
      if of_link ~= is_of_link(b.source.host) then return of_link end
      return (a.rtt_us or math.maxinteger) > (b.rtt_us or math.maxinteger)
    end
    for _, flow in ipairs(peer.flows) do
      if self:proved(flow) and (not best or worse(best, flow)) then best = flow end
    end
    return best
  end

  -- All proved hosts of a peer, each once, { host =, own =, rtt_us =, beat = }: first where he was heard last, then the
  -- quickest.
  function peers:hosts(peer)
    local seen, hosts = {}, {}
    for _, flow in ipairs(peer.flows) do
      local host = flow.source.host
      if self:proved(flow) and host and not seen[host] then
        seen[host] = { host = host, own = flow.source.own or false, rtt_us = flow.rtt_us or math.maxinteger, beat = 0 }
        hosts[#hosts + 1] = seen[host]
      end
      if seen[host] and self:proved(flow) then seen[host].beat = math.max(seen[host].beat, flow.beat) end
    end
    table.sort(hosts, function(a, b)
      if a.beat ~= b.beat then return a.beat > b.beat end
      if a.rtt_us ~= b.rtt_us then return a.rtt_us < b.rtt_us end
      return a.host < b.host
    end)
    return hosts
  end

  -- Is what SOURCE speaks by a place for conversations? A medium of hosts is none: they are dialled, and all would
  -- hear there what one misses.
  function peers.converses(_, source) return source.channel.traits.stream or not source.host end

  -- The flow by which PEER is spoken to where he cannot be dialled: one over which he speaks now, whose source is
  -- proved; of several one that is not slow, then one that is his alone | nil.
  function peers:spoken(peer)
    local best, best_worth
    for _, flow in ipairs(peer.flows) do
      local channel = flow.source.channel
      local counts = self:converses(flow.source) and (channel.traits.source_proved or self:proved(flow))
      if counts and self:speaks(peer, flow) then
        local worth = (channel.rate or math.maxinteger // 2) + (channel.traits.medium and 0 or 1)
        if not best or worth > best_worth then best, best_worth = flow, worth end
      end
    end
    return best
  end

  -- Up to MOST proved addresses of a peer, as text: where he could be met again.
  function peers:addresses(peer, most)
    local list = {}
    for _, flow in ipairs(peer.flows) do
      if self:proved(flow) and #list < most then list[#list + 1] = flow.source.address end
    end
    return list
  end
end
