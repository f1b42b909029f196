"""segment_node as a process, asked over DDS; its segmenter is a fake that knows colours only."""

from __future__ import annotations

import signal

import cv2
import numpy as np
import pytest
from hybridgl_ros.msg import ReferredObject, ReferredObjects
from hybridgl_ros.srv import ReferSegment
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Float32, String

from hybridgl_ros.pixels import rgb_pixels, unpack_rows
from hybridgl_ros.ros.common.qos import SERVICE

BLOCK = (4, 10, 8, 6)


@pytest.fixture
def node(shared_node):
    """The shared node, with a frame of second 1."""
    shared_node.publish(shared_node.frame())
    return shared_node


def test_service_answers_on_the_newest_frame(node) -> None:
    response = node.client.refer("the red block")
    assert response.success
    (found,) = response.objects
    assert found.found
    assert found.header.frame_id == "optical"
    assert found.header.stamp.sec == 1
    assert (found.roi.x_offset, found.roi.y_offset, found.roi.width, found.roi.height) == BLOCK
    assert found.mask.encoding == "mono8"
    assert found.mask.header == found.header
    assert np.array_equal(unpack_rows(found.mask), rgb_pixels(node.frame())[..., 0])
    assert found.expression == "the red block"
    assert (found.relation, found.position, list(found.other_phrases)) == ("left", "", ["table"])
    assert found.latency > 0


def test_ranked_candidates(node) -> None:
    response = node.client.refer("the red block", candidates=5)
    assert [entry.found for entry in response.objects] == [True, False, False]
    scores = [entry.score for entry in response.objects]
    assert scores == sorted(scores, reverse=True)
    assert [entry.margin for entry in response.objects[:2]] == pytest.approx([0.25, 0.25])
    assert np.isnan(response.objects[2].margin)


def test_nothing_found_is_a_success_with_an_empty_mask(node) -> None:
    response = node.client.refer("the pink block", candidates=3)
    assert response.success
    assert response.message == "no colour named"
    (nothing,) = response.objects
    assert not nothing.found
    assert not any(nothing.mask.data)
    assert nothing.roi.width == 0


def test_image_of_the_request_wins_over_the_camera(node) -> None:
    response = node.client.refer("the red block", node.frame(column=30, second=77))
    assert response.objects[0].roi.x_offset == 30
    assert response.objects[0].header.stamp.sec == 77


def test_topics_carry_mask_score_result_and_overlay(node) -> None:
    masks = node.hear(Image, "segment_node/mask")
    scores = node.hear(Float32, "segment_node/score")
    overlays = node.hear(Image, "segment_node/overlay")
    packed = {name: node.hear(CompressedImage, f"segment_node/{name}/compressed") for name in ("mask", "overlay")}

    def asked() -> bool | None:
        # A new subscription misses what was published before it matched.
        node.client.refer_by_topic("the red block")
        return all((masks, scores, overlays, *packed.values())) or None

    node.client.wait_for(asked, "all outputs")
    assert masks[0].header.stamp.sec == 1
    assert np.array_equal(unpack_rows(masks[0]), rgb_pixels(node.frame())[..., 0])
    assert scores[0].data == pytest.approx(0.6)
    assert (overlays[0].encoding, overlays[0].width) == ("rgb8", masks[0].width)
    assert np.array_equal(rgb_pixels(packed["mask"][0])[..., 0], unpack_rows(masks[0]))
    assert rgb_pixels(packed["overlay"][0]).shape == unpack_rows(overlays[0]).shape
    assert packed["overlay"][0].header == packed["mask"][0].header == masks[0].header


def test_continuous_mode_follows_on_every_frame_until_switched_off(start) -> None:
    node = start("-p", "mode:=continuous")
    client = node.client
    node.wait_for_models()
    results = node.hear(ReferredObject, "segment_node/result")
    everything = node.hear(ReferredObjects, "segment_node/results")

    def show(message: Image) -> ReferredObject:
        second = message.header.stamp.sec
        node.publish(message)
        heard = client.wait_for(
            lambda: next((result for result in results if result.header.stamp.sec == second), None), "its answer"
        )
        client.wait_for(lambda: everything[-1].header.stamp.sec == second or None, "all of it")
        return heard

    node.publish(node.frame(second=1))
    client.refer_by_topic("the red block")
    shown = [show(node.frame(column=second, second=second)) for second in (2, 3)]
    assert [result.roi.x_offset for result in shown] == [2, 3]
    assert {(result.track_id, result.track_state) for result in shown} == {(1, ReferredObject.TRACK_FOUND)}
    empty = node.frame(second=4)
    empty.data = bytes(len(empty.data))
    hidden = [show(empty)]
    empty.header.stamp.sec = 5
    hidden.append(show(empty))
    assert [(result.found, result.track_id) for result in hidden] == [(False, 1), (False, 1)]
    assert [result.track_state for result in hidden] == [ReferredObject.TRACK_FOUND, ReferredObject.TRACK_LOST]
    assert list(everything[-1].lost_track_ids) == [1] and not everything[-1].objects
    again = show(node.frame(column=6, second=6))
    assert (again.found, again.track_id, again.track_state) == (True, 1, ReferredObject.TRACK_FOUND_AGAIN)
    values = client.diagnostics()
    assert [values[f"objects {what}"] for what in ("followed", "lost", "found again")] == ["1", "1", "1"]
    node.wait_for_log("'the red block': object 1 lost: out of sight for 2 frames")
    node.wait_for_log("'the red block': object 1 found again after 2 frames")
    assert client.refer_by_topic("something red").track_id == 2
    assert client.refer("something red").objects[0].track_id == 0
    assert client.set_parameter(node.topic("segment_node"), "mode", "once") == ""
    answered = client.diagnostics()["expressions answered"]
    node.publish(node.frame(second=7))
    assert client.diagnostics()["expressions answered"] == answered
    assert client.refer_by_topic("the red block").track_state == ReferredObject.TRACK_NONE


def test_an_expression_before_the_first_frame_is_answered_on_it(start) -> None:
    node = start()
    node.wait_for_models()
    results = node.hear(ReferredObject, "segment_node/result")
    publisher = node.client.node.create_publisher(String, node.topic("expression"), 1)
    node.client.wait_for(lambda: publisher.get_subscription_count() or None, "a listener to expressions")
    publisher.publish(String(data="the red block"))
    node.client.diagnostics()
    node.publish(node.frame(second=5))
    node.client.wait_for(lambda: results or None, "the answer")
    assert results[0].header.stamp.sec == 5


def test_frames_do_not_queue_and_the_newest_is_answered(start) -> None:
    node = start()
    node.wait_for_models()
    node.publish(node.frame(second=1))
    calls = []
    for count, expression in ((1, "wait for red"), (2, "red")):
        calls += node.call_at_once(expression)
        waiting = str(count)
        node.client.wait_for(
            lambda waiting=waiting: node.client.diagnostics()["expressions waiting"] == waiting or None, expression
        )
    for second in range(10, 14):
        node.publish(node.frame(second=second))
    node.gate.touch()
    node.wait_until_done(calls)
    assert [call.result().objects[0].header.stamp.sec for call in calls] == [1, 13]
    assert node.client.diagnostics()["frames skipped"] == "3"


def test_calls_at_once_are_all_answered(node) -> None:
    expressions = [f"the {colour} block {number}" for number in range(5) for colour in ("red", "pink")]
    calls = node.call_at_once(*expressions)
    node.wait_until_done(calls)
    assert all(call.result().success for call in calls)
    assert [call.result().objects[0].found for call in calls] == ["red" in text for text in expressions]


def test_more_calls_than_may_wait_are_refused_at_once(start) -> None:
    node = start("-p", "waiting_limit:=2")
    node.wait_for_models()
    node.publish(node.frame())
    held = node.call_at_once("wait for red", "wait for red")
    node.client.wait_for(lambda: node.client.diagnostics()["expressions waiting"] == "2" or None, "both calls")
    refused = node.client.refer("the red block")
    assert not refused.success
    assert "waiting" in refused.message
    node.gate.touch()
    node.wait_until_done(held)
    assert all(call.result().success for call in held)
    node.assert_still_good()


def test_thirty_clients_at_once_are_answered_or_refused(start) -> None:
    node = start()
    node.wait_for_models()
    topic = node.topic("refer_segment")
    clients = [node.client.node.create_client(ReferSegment, topic, qos_profile=SERVICE) for _ in range(30)]
    node.client.meet(clients[-1])
    node.meet()
    request = ReferSegment.Request(expression="wait for red", image=node.frame())
    calls = [client.call_async(request) for client in clients]
    node.client.wait_for(lambda: sum(call.done() for call in calls) == 14 or None, "the refusals")
    node.gate.touch()
    node.wait_until_done(calls)
    answers = [call.result() for call in calls]
    assert sum(answer.success for answer in answers) == 16
    assert all("waiting already" in answer.message for answer in answers if not answer.success)
    for client in clients:
        node.client.node.destroy_client(client)


def test_continuous_mode_leaves_the_service_its_place(start) -> None:
    node = start("-p", "mode:=continuous", "-p", "waiting_limit:=1")
    node.wait_for_models()
    node.publish(node.frame())
    node.publish(String(data="wait for red"), "expression", counted="expressions waiting")
    (call,) = node.call_at_once("red")
    node.client.wait_for(lambda: node.client.diagnostics()["expressions waiting"] == "2" or None, "both questions")
    node.gate.touch()
    node.wait_until_done([call])
    assert call.result().success, call.result().message


def test_a_switch_to_continuous_mode_follows_the_last_expression(start) -> None:
    node = start()
    node.wait_for_models()
    results = node.hear(ReferredObject, "segment_node/result")
    node.publish(node.frame(second=1))
    node.client.refer_by_topic("the red block")
    assert node.client.set_parameter(node.topic("segment_node"), "mode", "continuous") == ""
    node.publish(node.frame(second=2))
    node.client.wait_for(lambda: results[-1].header.stamp.sec == 2 or None, "the new frame's answer")
    assert results[-1].expression == "the red block"


def test_an_interruption_in_continuous_mode_is_quiet(start) -> None:
    node = start("-p", "mode:=continuous")
    node.wait_for_models()
    node.publish(node.frame(second=1))
    node.client.refer_by_topic("the red block")
    publisher = node.client.node.create_publisher(Image, node.topic("image"), 1)
    node.client.wait_for(lambda: publisher.get_subscription_count() or None, "the subscription")
    before = int(node.client.diagnostics()["expressions answered"])
    timer = node.client.node.create_timer(0.005, lambda: publisher.publish(node.frame()))
    node.client.wait_for(
        lambda: int(node.client.diagnostics()["expressions answered"]) > before + 10 or None, "answers"
    )
    node.process.send_signal(signal.SIGINT)
    node.client.wait_for(lambda: node.process.poll() is not None or None, "the end")
    node.client.node.destroy_timer(timer)
    assert node.process.returncode == 0
    assert "Traceback" not in node.log
    assert "exception" not in node.log.lower()


def test_the_node_ends_while_calls_wait(start) -> None:
    node = start()
    node.wait_for_models()
    node.publish(node.frame())
    node.call_at_once("wait for red", "wait for red")
    node.client.wait_for(lambda: node.client.diagnostics()["expressions waiting"] == "2" or None, "both calls")
    node.process.send_signal(signal.SIGINT)
    node.client.wait_for(lambda: node.process.poll() is not None or None, "the end")
    assert node.process.returncode == 0
    assert "Traceback" not in node.log


def test_the_same_picture_is_encoded_once(start) -> None:
    node = start()
    node.wait_for_models()
    for second in (1, 2):
        node.publish(node.frame(second=second))
        for expression in ("the red block", "the red thing"):
            assert node.client.refer(expression).objects[0].header.stamp.sec == second
    assert node.client.diagnostics()["scenes kept"] == "1"
    node.publish(node.frame(column=20))
    assert node.client.refer("the red block").success
    assert node.client.diagnostics()["scenes kept"] == "2"


def test_compressed_images_are_found_by_themselves(start) -> None:
    node = start()
    node.wait_for_models()
    blue_first = np.ascontiguousarray(rgb_pixels(node.frame())[..., ::-1])
    data = cv2.imencode(".png", blue_first)[1].tobytes()
    node.publish(CompressedImage(format="png", data=data), "image/compressed")
    assert node.client.refer("the red block").objects[0].roi.x_offset == 4
