-- SPDX-License-Identifier: Apache-2.0
-- Whether the policy of a sandbox has a name and port. The policy is a list between commas, each entry as in
-- ZCBOT_NAMES (egress.sh): without a port, it means 80 and 443.
--
-- In one entry of a map, a policy is changed at once, and needs no search for what is left of the one before.

local USUAL_PORTS = { ["80"] = true, ["443"] = true }

local function has(policy, pattern, port)
  return policy:find("," .. pattern .. ":" .. port .. ",", 1, true)
    or (USUAL_PORTS[port] and policy:find("," .. pattern .. ",", 1, true))
end

local function is_in(policy, name, port)
  if has(policy, name, port) then return true end
  local dot = name:find(".", 1, true)
  while dot do
    if has(policy, "*" .. name:sub(dot), port) then return true end
    dot = name:find(".", dot + 1, true)
  end
  return false
end

core.register_fetches("in_policy", function(txn)
  local policy, name, port = txn:get_var("txn.policy"), txn:get_var("txn.name"), txn:get_var("txn.port")
  -- a name with another character would be refused after this, but must not match an entry before
  if not policy or not name or not port or name:find("[^a-z0-9_.-]") then return "no" end
  return is_in(policy, name, tostring(port)) and "yes" or "no"
end)
