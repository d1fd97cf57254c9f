-- fleet.lua - in place of the policy that releases bring, as long as none came: that of a robot. A policy of your own
-- lays its edits over it by `extend "fleet"`; what came lies in STATE/policies/fleet.lua.
return (extend "duckiebot")
