# SPDX-License-Identifier: Apache-2.0
"""Wrong clusters, names, methods, bodies and parameters: the bodies of design 9.4 and contract 5.4, whoever asks."""
