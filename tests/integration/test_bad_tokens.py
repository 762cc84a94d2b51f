# SPDX-License-Identifier: Apache-2.0
"""Every row of bad_tokens.json against every route that needs a token, and against /login and /signUp: refused as contract 3.6
says, and nobody behind the check moved."""
