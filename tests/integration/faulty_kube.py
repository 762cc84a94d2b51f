# SPDX-License-Identifier: Apache-2.0
"""An API server of ours that misbehaves as a test tells it: late, slow, cut, garbage, endless."""
