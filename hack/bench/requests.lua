-- What wrk sends: wrk … -s requests.lua https://HOST/COLLECTION -- VERB TOKEN OBJECTS PREFIX
--   list    the collection, or whatever else the address names
--   get     its objects PREFIX-0 … PREFIX-(OBJECTS-1), one after the other
--   patch   a label of the same objects, which is a change each time
--   create  new objects PREFIX-THREAD-N of about 3 KiB
local threads = 0

function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end

function init(args)
  verb, objects, prefix = args[1], tonumber(args[3]), args[4]
  sent = 0
  headers = { Authorization = "Bearer " .. args[2], Accept = "application/json" }
  if verb == "patch" then
    headers["Content-Type"] = "application/merge-patch+json"
  elseif verb == "create" then
    headers["Content-Type"] = "application/json"
    filler = string.rep("x", 2400)
  end
end

function request()
  sent = sent + 1
  if verb == "get" then
    return wrk.format("GET", string.format("%s/%s-%d", wrk.path, prefix, sent % objects), headers)
  elseif verb == "patch" then
    local body = string.format('{"metadata":{"labels":{"round":"%d-%d"}}}', id, sent)
    return wrk.format("PATCH", string.format("%s/%s-%d", wrk.path, prefix, sent % objects), headers, body)
  elseif verb == "create" then
    local body = string.format(
      '{"apiVersion":"ai.deckhouse.io/v1alpha1","kind":"Model","metadata":{"name":"%s-%d-%d","annotations":{"description":"%s"}},"spec":{"source":{"upload":{}}}}',
      prefix, id, sent, filler)
    return wrk.format("POST", wrk.path, headers, body)
  end
  return wrk.format("GET", wrk.path, headers)
end

-- Only what succeeded is a measurement.
function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  if failed > 0 then
    io.stderr:write(string.format("wrk: %d of %d requests failed\n", failed, summary.requests))
    os.exit(1)
  end
  io.write(string.format("RESULT %.1f %.0f\n", summary.requests / summary.duration * 1e6, summary.bytes / summary.duration * 1e6))
end
