"""What every room uses: parameters, QoS, messages, images as messages, processes, a client of the node."""
