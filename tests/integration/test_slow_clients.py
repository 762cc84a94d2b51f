# SPDX-License-Identifier: Apache-2.0
"""200 clients at one byte a second end at their absolute deadlines, while the management listener stays quick."""
