# SPDX-License-Identifier: Apache-2.0
"""MariaDB stopped, frozen and started again: errors meanwhile, recovery without a restart."""
