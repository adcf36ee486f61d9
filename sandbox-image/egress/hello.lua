-- SPDX-License-Identifier: Apache-2.0
-- What HAProxy does not tell of a TLS client hello. Returns the reason to refuse it, or ok:
--
--   ech     it has the extension encrypted_client_hello, which may name another server than the one that is checked
--   hello   it is malformed, does not fill one record, or has not exactly one name
--
-- HAProxy calls this once it has the whole hello. In one that goes on in another record, a server would read other
-- fields than HAProxy, which ignores the second record's header.

local EXTENSION_NAME, EXTENSION_ECH = 0x0000, 0xfe0d
local MOST_EXTENSIONS = 64
local RANDOM_END = 5 + 4 + 2 + 32 -- after the headers of record and message, the version and the random bytes

local function number(text, at, bytes)
  local value = 0
  for i = at + 1, at + bytes do
    local byte = text:byte(i)
    if byte == nil then return nil end
    value = value * 256 + byte
  end
  return value
end

-- Returns where a field ends that begins with its length, or nil if that is beyond the limit.
local function skip(text, at, bytes, limit)
  local length = number(text, at, bytes)
  if length == nil or at + bytes + length > limit then return nil end
  return at + bytes + length
end

local function problem(text)
  local message_end = skip(text, 6, 3, #text)
  if message_end == nil or message_end < RANDOM_END or number(text, 3, 2) ~= message_end - 5 then return "hello" end
  local at = RANDOM_END
  for _, bytes in ipairs({ 1, 2, 1 }) do -- session id, cipher suites, compression methods
    at = skip(text, at, bytes, message_end)
    if at == nil then return "hello" end
  end
  if skip(text, at, 2, message_end) ~= message_end then return "hello" end
  at = at + 2
  local names, extensions = 0, 0
  while at < message_end do
    local extension = number(text, at, 2)
    local next = skip(text, at + 2, 2, message_end)
    extensions = extensions + 1
    if next == nil or extensions > MOST_EXTENSIONS then return "hello" end
    if extension == EXTENSION_ECH then return "ech" end
    if extension == EXTENSION_NAME then
      -- a list with the length of the rest, of one entry of the type host_name, with the length of its rest
      if skip(text, at + 4, 2, next) ~= next or number(text, at + 6, 1) ~= 0 or skip(text, at + 7, 2, next) ~= next then
        return "hello"
      end
      names = names + 1
    end
    at = next
  end
  return names == 1 and "ok" or "hello"
end

core.register_fetches("hello_problem", function(txn)
  return problem(txn.f:req_payload(0, 0) or "")
end)
