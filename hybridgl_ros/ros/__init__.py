"""The ROS layer: nodes, messages, parameters and QoS. The only folder that imports rclpy.

Rooms import in one direction: `common` ← `segment`, `camera`, `bags` ← `demo`.
"""
