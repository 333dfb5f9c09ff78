"""`python -m studio.simulator --port 8123 --data DIR`."""

from studio.simulator.server import main

if __name__ == "__main__":
    main()
