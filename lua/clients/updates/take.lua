-- take.lua - the command `take`: a file of this machine, or a short text, is held here from now on, for a release or a
-- plan. It signs nothing.
local HERE <const> = "the path is one of this machine"

--- Registers it with HANDLE; FETCHING: fetching.lua's object.
return function(handle, fetching)
  handle:command("take", function(request, reply)
    local what = request.path or request.text
    if type(what) ~= "string" then
      return reply(nil, 'form: "path" is the path of a file, or "text" what is in it', "form")
    end
    fetching[request.path and "take" or "take_text"](fetching, what, function(cid, size, code)
      if not cid then return reply(nil, size, code) end
      reply { cid = cid, size = size }
    end)
  end, { here = HERE })
end
