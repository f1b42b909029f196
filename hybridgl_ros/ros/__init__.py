"""The ROS layer: nodes, messages, parameters and QoS. The only folder that imports rclpy."""
