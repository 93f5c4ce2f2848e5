"""Forms as browsers and HTTP clients send files (`multipart/form-data`, RFC 7578)."""

from dataclasses import dataclass, field
from email.message import Message
from email.parser import HeaderParser


@dataclass(frozen=True)
class FormFile:
    """A file of a form.

    Args:
        name: The file's own name, as the client gave it.
        content: Its bytes.
    """

    name: str
    content: bytes = field(repr=False)


def form_files(content_type: str, body: bytes) -> dict[str, FormFile]:
    r"""The files of a form by the name of their field; fields that hold no file are left out.

    Args:
        content_type: The header of the request.
        body: Its bytes.

    Returns:
        No file for what isn't a form.

    Example:
        >>> body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.gif"\r\n'
        >>> form_files("multipart/form-data; boundary=x", body + b"\r\nGIF89a\r\n--x--\r\n")
        {'file': FormFile(name='a.gif')}
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        return {}
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode())
    files: dict[str, FormFile] = {}
    for part in parts:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = HeaderParser().parsestr(head.decode(errors="replace"))
        field_name = headers.get_param("name", header="Content-Disposition")
        file_name = headers.get_filename()
        if isinstance(field_name, str) and file_name is not None:
            files[field_name] = FormFile(file_name, content)
    return files
