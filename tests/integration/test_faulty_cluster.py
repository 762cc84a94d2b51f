# SPDX-License-Identifier: Apache-2.0
"""One dead or hostile cluster: a clear error within its deadline, and the cluster beside it answers as before (P9, P12)."""
