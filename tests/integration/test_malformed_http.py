# SPDX-License-Identifier: Apache-2.0
"""Malformed HTTP over raw sockets: the last column of the table in promises-and-limits 4 (libmicrohttpd)."""
