"""Who calls, what they may do, and that it is written down.

Owns: principals, what a route needs, sessions and passwords, the defence against foreign forms, the audit of answers.
Never: knows what an action does.

How a route uses it: `dependencies=[allow(Role.OPERATOR, "run.cancel")]` stands on every route, or `anyone("why")`;
an application with a route that says neither is not made. In the handler `principal_of(request)` tells who calls:
`name`, `role`, `may(Role.OPERATOR, "run.cancel")` for what a page offers, `csrf` for the hidden field `csrf` of each form
(or the header `X-CSRF-Token`), `is_open` where nobody has to sign in. `form_of(request)` reads a form,
`note(request, target, **details)` says what the line of the audit trail is about. Addresses in pages begin with
`request.scope["root_path"]`.
"""
