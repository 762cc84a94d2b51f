# SPDX-License-Identifier: Apache-2.0
"""SIGTERM under load: what fits the drain is answered in full, readiness turns first, exit code 0 (P11)."""
