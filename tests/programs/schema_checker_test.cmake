# The checker of schemas has to find what is wrong.
#
#   cmake -DCHECK=<check_schema> -DSCRATCH=<folder> -P schema_checker_test.cmake
file(MAKE_DIRECTORY ${SCRATCH})
file(WRITE ${SCRATCH}/schema.json [[{"type": "object", "required": ["name", "sizes"], "additionalProperties": false,
  "properties": {"name": {"type": ["string", "null"], "pattern": "^m"}, "kind": {"enum": ["a", "b"]},
                 "sizes": {"type": "array", "items": {"type": "integer", "minimum": 0}}, "version": {"const": 2}}}]])

function(expect status regex document)
  file(WRITE ${SCRATCH}/document.json "${document}")
  execute_process(COMMAND ${CHECK} ${SCRATCH}/schema.json INPUT_FILE ${SCRATCH}/document.json
                  RESULT_VARIABLE result ERROR_VARIABLE text)
  if(NOT result STREQUAL status OR NOT text MATCHES "${regex}")
    message(SEND_ERROR "${document}: exit status ${result}, no match for '${regex}' in: ${text}")
  endif()
endfunction()
expect(0 "^$" [[{"name": "memory1", "sizes": [1, 2], "kind": "b", "version": 2}]])
expect(0 "^$" [[{"name": null, "sizes": []}]])
expect(1 "/: lacks \"sizes\"" [[{"name": null}]])
expect(1 "/: has 'more' besides" [[{"name": null, "sizes": [], "more": 1}]])
expect(1 "/: 'Not a name' is no name of a member" [[{"name": null, "sizes": [], "Not a name": 1}]])
expect(1 "/name: is number, not" [[{"name": 3, "sizes": []}]])
expect(1 "/name: \"x\" does not match" [[{"name": "x", "sizes": []}]])
expect(1 "/sizes/1: is number, not \"integer\"" [[{"name": null, "sizes": [1, 1.5]}]])
expect(1 "/sizes/0: is below 0" [[{"name": null, "sizes": [-1]}]])
expect(1 "/kind: \"c\" is none of" [[{"name": null, "sizes": [], "kind": "c"}]])
expect(1 "/version: is 1, not 2" [[{"name": null, "sizes": [], "version": 1}]])
expect(1 "/: is array, not" "[]")
expect(2 "parse error" [[{"name"]])
file(WRITE ${SCRATCH}/schema.json [[{"items": {"$ref": "#/definitions/small"}, "definitions": {"small": {"minimum": 2}}}]])
expect(0 "^$" "[2, 3]")
expect(1 "/1: is below 2" "[2, 1]")
file(WRITE ${SCRATCH}/schema.json [[{"maxItems": 3}]])
expect(1 "'maxItems', which is not known" "[]")
