"""What the OpenAPI document says before its first operation: the rules that hold for all of them."""

DESCRIPTION = """\
Management of Ceph clusters over HTTP, compatible with version 2 of Calamari's API.

**Logging in.** Browsers `POST auth/login` and send the cookie `calamari_sessionid`, and with every change the value
of the cookie `XSRF-TOKEN` in the header `X-XSRF-TOKEN`. Scripts `POST auth/token` and send `Authorization: Token
<token>`. Who presents nothing, or a session that has ended, gets 403 without a challenge, as from Calamari; who
sends a token that is not valid gets 401. `POST auth/logout` needs the session, or the token, and nothing else.
Failed logins are counted by source address; no account is ever locked by them.

**Changes** answer `202 {"request_id": ...}` with `Location` and `Retry-After`; the request tells what becomes of
them, and once it is complete every read shows the change. They answer 304 when all is as asked already, and 503 at
once, with `Retry-After`, when the cluster or the service behind the web server is out of reach: nothing is queued.

**Reads** go on in that case, with the last known state; `X-Calamari-Stale` then tells its age in seconds. Answers
carry an `ETag`; with `If-None-Match` an unchanged one is answered by 304 without a body.

**Lists** of clusters, OSDs, pools and monitors are bare arrays until `page` or `page_size` is given; requests and
events always come in pages. A page is `{"count", "next", "previous", "results"}`. Unknown query parameters are
refused.

**Errors** are one JSON object: `detail` for people, `code` for programs (see the schema Error), and lists of
messages under the names of the fields that are wrong. With `Accept: application/problem+json` they come as RFC 9457
has it, the fields under `errors`. The header `X-Request-ID` of every answer, taken from the request if it has one,
is found again in the logs.
"""
