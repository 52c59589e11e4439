"""Answers with a picture as each provider's documentation, or a public client of its, shows them; ids are shortened."""

from typing import Any

# (provider, the answer's JSON)
ANSWERS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(
        (
            "fal-ai",
            {
                "images": [{"url": url, "width": 1024, "height": 768, "content_type": "image/jpeg"}],
                "timings": {"inference": 1.2},
                "seed": 42,
                "has_nsfw_concepts": [False],
                "prompt": "a fox",
            },
        )
        for url in (
            "https://fal.media/files/lion/Q7VtU0t8PW.jpg",
            "https://v3.fal.media/files/rabbit/x.png",
            "https://v3b.fal.media/files/b/x.png",
        )
    ),
    *(
        ("replicate", {"id": "xezq", "status": "succeeded", "output": output, "urls": {"get": "https://x.test/p"}})
        for output in (
            ["https://replicate.delivery/xezq/abc/out-0.webp"],
            "https://replicate.delivery/xezq/abc/out-0.webp",
            ["https://pbxt.replicate.delivery/x/out-0.png"],
            {"images": ["https://replicate.delivery/xezq/abc/out-0.webp"]},
        )
    ),
    *(
        ("wavespeed", {"code": 200, "data": {"id": "pred", "status": "completed", "outputs": [url]}})
        for url in (
            "https://cdn.wavespeed.ai/generated/image123.png",
            "https://static.wavespeed.ai/x.png",
            "https://d1q70pf5vjeyhc.cloudfront.net/predictions/x/1.jpeg",
        )
    ),
    *(
        ("zai-org", {"id": "1", "task_status": "SUCCESS", "image_result": [{"url": url}]})
        for url in (
            "https://mfile.z.ai/1747/x.png?ufileattname=x.png",
            "https://aigc-files.bigmodel.cn/api/cogview/x_0.png",
            "https://sfile.chatglm.cn/testpath/x_0.png",
            "https://maas-watermark-prod.cn-wlcb.ufileos.com/1747/x_watermark.png?UCloudPublicKey=T&Expires=1",
            "https://maas-watermark-prod-new.cn-wlcb.ufileos.com/1747/x_watermark.png?UCloudPublicKey=T&Expires=1",
        )
    ),
    *(
        ("together", {"id": "x", "object": "list", "data": [{"index": 0, "url": url}]})
        for url in (
            "https://api.together.ai/imgproxy/x/format:jpeg/aHR0",
            "https://api.together.xyz/shrt/x",
            "https://together-ai-bfl-images-prod.s3.us-west-2.amazonaws.com/images/x.png",
        )
    ),
    ("together", {"id": "x", "object": "list", "data": [{"index": 0, "b64_json": "aGVsbG8="}]}),
    ("nscale", {"created": 1, "data": [{"b64_json": "aGVsbG8="}]}),
    ("hf-inference", {"data": [{"b64_json": "aGVsbG8="}]}),
    ("hf-inference", {"output": ["https://cdn-lfs.huggingface.co/x.png"]}),
)
