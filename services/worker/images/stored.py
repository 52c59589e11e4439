"""Pictures that ideas speak of, out of the image store."""

from shared.errors import PictureGone
from shared.images import Images
from shared.jobs import Picture


def read_picture(images: Images, picture: Picture) -> bytes:
    """The file as it was sent.

    Raises:
        PictureGone: The store has it no more.
        StoreAway: The store does not answer.
    """
    try:
        return images.get(picture.key)
    except FileNotFoundError as error:
        raise PictureGone(picture.key) from error
