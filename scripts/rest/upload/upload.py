"""Uploading files to the storage of the XMPP server. XEP-0363"""

from tigrest import Handler, HTTPException, Principal, Request, Result, Service, stanza_json

from .._content import DOCUMENT
from .._multipart import MULTIPART, UPLOAD_SECONDS, Attachment, body_as_file, is_multipart, read_form

URL = {"type": "object", "properties": {"url": {"type": "string", "format": "uri"}}, "required": ["url"]}
FOUND = {"url": "https://upload.example.com/Ra9jK3/avatar.png"}
ANSWERS = {
    200: dict.fromkeys(DOCUMENT, URL),
    411: "The size of the file is not known.",
    413: "The file is larger than the gateway or the upload service takes.",
    429: "The upload service takes no more for a while.",
    501: "The XMPP server has no upload service.",
    502: "The storage did not take the file.",
    504: "The upload service or the storage did not answer.",
}


class Upload(Handler):
    """Upload a file, and get the URL at which everybody who knows it finds it."""

    regex = r"(?:/([^/]*))?"
    requiredRole = "user"
    decodeContent = False
    takesUploads = True
    idempotencyKey = True
    timeout = UPLOAD_SECONDS
    description = {
        "regex": "",
        "POST": {
            "info": "Upload a file to the storage of the XMPP server",
            "description": "The body is the file, whose name is in ?filename= or behind the path, or a form with it as its only file. "
            "The answer has its URL.",
            "curl": "-F file=@avatar.png",
            "response": FOUND,
            "accepts": {"*/*": {}, MULTIPART: {"type": "object"}},
            "answers": ANSWERS,
        },
        "PUT": {
            "info": "Upload a file to the storage of the XMPP server",
            "description": "The body is the file, whose name stands behind the path, as of curl -T.",
            "example": "/avatar.png",
            "curl": "-T avatar.png",
            "response": FOUND,
            "accepts": {"*/*": {}},
            "answers": ANSWERS,
        },
    }

    async def exec_post(
        self, service: Service, principal: Principal, request: Request, content: Request | None, name: str | None = None
    ) -> Result:
        if content is None:
            raise HTTPException(400, "there is no file: send it as the body")
        file = await _file_in(request, name or request.query_params.get("filename", ""))
        url = await service.for_(principal).upload(file.name, file.size, file.content_type, file.chunks)
        media = stanza_json.choose_media_type(request.headers.get("accept", ""), "application/json", request.query_params.get("type", ""))
        return Result("application/xml", {"result": {"url": url}}) if "xml" in media else Result("application/json", {"url": url})

    exec_put = exec_post


async def _file_in(request: Request, name: str) -> Attachment:
    if not is_multipart(request):
        return body_as_file(request, name)
    _, file = await read_form(request)
    if file is None:
        raise HTTPException(400, "the form has no file: curl -F file=@photo.jpg")
    return file
