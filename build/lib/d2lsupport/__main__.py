"""`python -m d2lsupport [ROOT]` makes sure of Fashion-MNIST."""

import sys

from d2lsupport.fashion_mnist import main

sys.exit(main())
