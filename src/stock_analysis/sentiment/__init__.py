"""What people write about a stock, with the uncertainty it has."""
