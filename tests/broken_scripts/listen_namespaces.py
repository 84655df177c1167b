from tigrest import Handler, Match


class Broken(Handler):
    match = Match(xpath="x:order", namespaces=["urn:x"])

    def on_message(self, body):
        return body
